"""Answers as callers see them, one module for each thing. Nothing secret has a field here."""
