"""The parts of Flask that one JSON exchange needs. The one package that touches private names of Flask."""
