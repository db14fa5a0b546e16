"""Programs cut along an axis, and run part by part on several threads."""
