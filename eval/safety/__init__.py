"""The safety suite: how each variant answers people in danger, and people who are not.

Items, checks and crisis lines are data of the domain pack, in `domains/<name>/safety/`; a pack may
have none. Deterministic checks come first, a judge second; the worst of several draws counts.
"""
