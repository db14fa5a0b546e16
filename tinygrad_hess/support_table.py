"""x"""
TABLE = """\
numpy.sin|differentiable||
"""
