"""The means that the paper reports, which plans and results are held against.

Zhezherau and Yanockin 2024 (arXiv:2410.09168): 50 scenarios, one integer score per conversation
(all six means are whole fiftieths), no spread and no test.
"""

SCENARIOS = 50
MEANS = {
    "empathy": {"base": 8.48, "real": 7.32, "hybrid": 8.64},
    "relevance": {"base": 8.08, "real": 7.24, "hybrid": 8.66},
}


def differences() -> list[tuple[str, str, str, float]]:
    """Measure, variants and difference of every comparison, the larger mean first."""
    found = []
    for measure, means in MEANS.items():
        for a, b in (("hybrid", "base"), ("base", "real"), ("hybrid", "real")):
            found.append((measure, a, b, round(means[a] - means[b], 2)))
    return found
