"""Functions of each element: arithmetic, comparisons, exponentials, trigonometry, complex parts."""
