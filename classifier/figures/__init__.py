"""Figures by matplotlib: one style, light and dark, each as SVG and PNG with a title and a text in its place."""
