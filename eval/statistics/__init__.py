"""Small pure functions over arrays: what a score, a difference and a spread are, and how sure.

Every function takes one number per scenario (paired ones: two aligned arrays), already averaged
over repeats and judge samples: treating those as independent lets a 5 % test err in a quarter of
all cases. Randomness is a `numpy.random.Generator` passed in. Where the numbers do not suffice the
answer is `nan`, never a guess. Reads and writes no files.
"""
