"""The node's side: runs in any stock image with Python 3.10 or newer, sent there as a zip.

Nothing here may import the client, the renderers, or a package that the bundle does not carry (`client/bundle.py`).
"""
