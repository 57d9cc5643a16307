"""What runs in Lambda, on a laptop and in tests alike."""

__version__ = "0.1.0"
