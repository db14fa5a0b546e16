"""The generalised Gauss-Newton matrix and the Fisher information, and the Hessians of losses."""
