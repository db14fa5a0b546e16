"""Ordinary differential equations, differentiated through the steps that were taken."""
