"""Drop-ins for other libraries: ``autograd`` has the names of HIPS/autograd."""
