"""From a program to the Python that is replayed: buffers, ``out=``, blocks that fit in cache."""
