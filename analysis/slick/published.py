"""Published numbers of SliCK: Gekhman et al. 2024, arXiv 2405.05904 (PaLM 2, EntityQuestions).

Tables are as printed. Figures were read off the plots by eye: about 0.3 points for figures 1 and 3,
about 1 point for figure 4. Accuracies and shares are percent, ratios are fractions.
"""

from __future__ import annotations

from ..table import printed

CITATION = "Gekhman et al. 2024, arXiv 2405.05904"

# Figure 1: X = 50 %, epochs counted from the start of fine-tuning.
FIG1_EPOCH = (1, 5, 10, 20, 30, 40, 50)
FIG1_FITTED_KNOWN = (58, 73, 83, 93, 97, 99.5, 100)
FIG1_FITTED_UNKNOWN = (0.5, 4, 15, 54, 79, 95, 100)
FIG1_DEV = ((5, 42.8), (10, 43.3), (20, 42.0), (30, 41.1), (40, 40.3), (50, 39.7))

# Figure 3: unknown ratio -> ID test accuracy.
RATIOS = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
FIG3A = {
    "early_stop": (43.9, 43.8, 43.9, 43.0, 42.0, 39.7, 37.5),
    "final": (42.6, 42.2, 41.2, 38.8, 36.5, 31.7, 25.8),
}
FIG3B_KNOWN_ONLY = {
    "early_stop": {0.1: 43.7, 0.25: 43.2, 0.5: 43.0, 0.75: 41.9, 0.9: 40.4},
    "final": {0.1: 42.5, 0.25: 42.3, 0.5: 41.5, 0.75: 40.7, 0.9: 39.6},
}
OOD_MAXIMAL_DROP = 6.0  # points, in words only; about 14 on the ID test set

# Figure 4: unknown ratio -> (fitted Known, fitted Unknown) as percent of |D| at early stop.
FIG4 = {
    0.0: (91.5, 0.0),
    0.1: (77.5, 2.3),
    0.25: (61.0, 4.2),
    0.5: (39.0, 9.0),
    0.75: (18.0, 8.0),
    0.9: (6.0, 3.0),
    1.0: (0.0, 1.2),
}

# Figure 5: share of test questions called Unknown with ten exemplar sets, and the accuracy on them
# after fine-tuning on D_Natural (deduced from tables 2 and 4; the figure prints no numbers).
FIG5_CIRCLE = {"early_stop": (33.0, 1.8), "final": (33.0, 2.5)}

# Table 1: Accuracy = b0 + b_kn N_kn/|D| + b_unk N_unk/|D| (Eq. 1), percent points.
TABLE1 = {
    "test": {"b0": 36.9, "b_kn": 7.3, "b_unk": -8.3, "r2": 0.86},
    "ood": {"b0": 36.2, "b_kn": 3.2, "b_unk": -3.0, "r2": 0.95},
}

# Table 2: single-category variants x test categories (all, HK, MK, WK, Unk); significance from the
# appendix: "*" p < 0.05, "**" p < 0.01 against the best of the column.
TABLE2 = printed(
    """
             | early_stop                        | final
highly_known | 40.5** 98.7   60.1** 9.0**  0.6** | 40.0** 98.4   58.8** 8.5**  0.7**
maybe_known  | 43.6   98.4   69.9   12.1** 1.0** | 43.2   97.5*  68.2   12.9** 1.3**
weakly_known | 39.2** 95.0** 59.2** 8.6**  0.4** | 35.4** 73.5** 55.8** 17.2   2.2**
unknown      | 37.5** 95.6** 52.9** 6.5**  0.6** | 25.8** 55.8** 36.6** 12.2** 3.2
natural      | 43.5   98.0*  67.6** 14.1   1.8   | 41.8** 95.5** 61.7** 14.8** 2.5*
""",
    value=str,
)

# Table 3 (v3; table 8 in v1): (accuracy over the answered, percent answered) at X = 50 %.
TABLE3 = {
    "unknown_ratio": {"early_stop": (43.0, 100.0), "final": (38.8, 100.0)},
    "idk": {"early_stop": (61.8, 58.7), "final": (61.8, 55.6)},
}

# Category shares of the annotated questions, percent (HK, MK, WK, Unk), from the appendix's tables.
CATEGORY_SHARES = {
    ("train", "id"): (23.9, 25.3, 16.9, 33.9),
    ("test", "id"): (23.5, 25.8, 17.7, 33.0),
    ("test", "ood"): (24.6, 26.1, 14.1, 35.3),
}
