"""Reading and writing at positions: indices, slices, masks, gather and scatter."""
