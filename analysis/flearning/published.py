"""Published numbers of F-Learning: Ni et al., arXiv 2311.08011 v2 (ACL 2024).

Tables are as printed, percent. Figures were read off the plots: 0.05 for figure 4, 0.01 for figures
5 and 6, 0.0003 (locality 0.003) for figure 7; fractions and L2 norms.
"""

from __future__ import annotations

from ..table import printed

CITATION = "Ni et al., arXiv 2311.08011 v2"
LLAMA2, LLAMA, BLOOM = "LLaMA2-7B", "LLaMA-7B", "BLOOM-7B"

Outcome = tuple[float, float, float | None]  # reliability, generality, locality

# Tables 1 and 2: data set -> method -> model -> outcome.
OUTCOMES: dict[str, dict[str, dict[str, Outcome]]] = {
    "zsre": printed(
        """
                   | LLaMA2-7B         | LLaMA-7B          | BLOOM-7B
original           | 43.70 43.17     - | 43.29 42.85     - | 27.99 27.89     -
lora               | 43.10 42.20 70.83 | 46.93 45.87 75.86 | 29.25 29.07 77.17
f_learning_lora    | 46.91 46.21 72.50 | 47.56 46.90 76.09 | 29.27 29.11 77.40
ft_c               | 49.02 46.96 67.37 | 47.33 45.51 68.14 |
ft                 | 81.02 74.67 70.51 | 70.52 66.69 65.26 | 44.60 43.52 63.74
rome               | 43.67 42.66 93.14 | 43.45 42.94 98.60 |
memit              | 83.57 79.06 70.52 | 78.30 77.43 69.44 |
f_learning_lora_ft | 82.43 77.38 71.04 | 75.17 70.12 69.78 | 44.70 43.71 65.50
f_learning_ft      | 84.65 81.51 70.92 | 83.06 79.50 70.09 | 44.79 43.83 69.26
"""
    ),
    "counterfact": printed(
        """
                   | LLaMA2-7B         | LLaMA-7B
original           | 18.47 16.95     - | 21.61 17.88     -
lora               | 30.56 23.24 40.08 | 27.54 21.21 39.75
f_learning_lora    | 31.17 23.63 40.42 | 29.47 22.89 44.91
ft_c               | 29.23 19.32 19.70 | 26.97 17.90 20.09
ft                 | 65.99 44.08 28.34 | 32.13 31.95 32.51
rome               | 18.41 17.20 93.60 | 21.83 19.08 92.27
memit              | 61.94 37.45 21.90 | 56.94 31.48 25.70
f_learning_lora_ft | 78.73 51.67 29.49 | 32.43 26.89 37.14
f_learning_ft      | 69.53 45.56 28.41 | 56.39 39.75 31.87
"""
    ),
}

# Appendix A.2: data set -> method -> model -> lambda.
LAMBDA = {
    "zsre": {
        "f_learning_lora": {LLAMA2: 0.7, LLAMA: 0.7, BLOOM: 0.1},
        "f_learning_lora_ft": {LLAMA2: 3.0, LLAMA: 2.0, BLOOM: 3.0},
        "f_learning_ft": {LLAMA2: 0.3, LLAMA: 0.3, BLOOM: 0.2},
    },
    "counterfact": {
        "f_learning_lora": {LLAMA2: 1.5, LLAMA: 1.0},
        "f_learning_lora_ft": {LLAMA2: 3.0, LLAMA: 3.0},
        "f_learning_ft": {LLAMA2: 0.1, LLAMA: 0.05},
    },
}

# Table 3, LLaMA2-7B: data set -> method -> edits -> seconds.
SECONDS = {
    "zsre": {
        "ft_c": {1: 0.57, 10: 6.58, 100: 21.77},
        "rome": {1: 20.47, 10: 207.09, 100: 2184.16},
        "memit": {1: 28.32, 10: 108.67, 100: 862.20},
        "ft": {1: 0.76, 10: 7.8, 100: 25.36},
        "f_learning_ft": {1: 1.58, 10: 15.32, 100: 52.20},
    },
    "counterfact": {
        "ft_c": {1: 0.54, 10: 6.82, 100: 19.30},
        "rome": {1: 18.27, 10: 179.30, 100: 1810.42},
        "memit": {1: 23.71, 10: 96.71, 100: 847.72},
        "ft": {1: 0.72, 10: 7.3, 100: 24.70},
        "f_learning_ft": {1: 1.47, 10: 14.9, 100: 50.12},
    },
}

# Table 5, LLaMA2-7B, lambda = 0.3: task -> original, after forgetting, after F-Learning.
ABILITIES = {
    "gsm8k": (2.35, 2.5, 1.44),
    "math": (3.2, 3.0, 1.96),
    "college_chemistry": (24.0, 34.0, 41.0),
    "college_mathematics": (29.0, 30.0, 26.0),
    "management": (16.50, 14.56, 32.04),
    "computer_security": (21.0, 20.0, 23.0),
    "macroeconomics": (32.31, 33.08, 34.87),
    "college_physics": (19.61, 26.47, 22.55),
    "astronomy": (30.92, 23.03, 32.24),
    "professional_law": (26.47, 25.62, 24.51),
    "college_medicine": (24.28, 24.28, 29.48),
}

# Figures 4 and 5, LLaMA2-7B (32 layers), lambda = 1: layer -> matrix -> ||theta' - theta||.
NORMS = {
    "full": {
        6: {"q": 3.27, "k": 3.20, "v": 3.30, "gate": 5.97, "up": 5.90, "down": 5.83},
        15: {"q": 3.30, "k": 3.27, "v": 3.15, "gate": 5.77, "up": 5.60, "down": 5.50},
        24: {"q": 3.57, "k": 3.60, "v": 3.35, "gate": 5.82, "up": 5.76, "down": 5.70},
        30: {"q": 3.62, "k": 3.63, "v": 3.40, "gate": 5.53, "up": 5.43, "down": 5.11},
    },
    "lora": {
        6: {"q": 0.69, "v": 0.70},
        15: {"q": 0.63, "v": 0.78},
        24: {"q": 0.47, "v": 0.52},
        30: {"q": 0.61, "v": 0.65},
    },
}

# Figures 6 and 7, LLaMA2-7B on ZsRE: what forgetting alone does to the old knowledge.
FORGETTING_LAMBDA = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)
FORGETTING = {
    "full": {
        "reliability_old": (0.955, 0.93, 0.73, 0.39, 0.18, 0.055),
        "generality_old": (0.935, 0.905, 0.69, 0.38, 0.18, 0.055),
        "locality": (1.0, 0.96, 0.83, 0.65, 0.46, 0.21),
    },
    "lora": {
        "reliability_old": (0.9524, 0.9521, 0.9515, 0.9502, 0.9494, 0.9478),
        "generality_old": (0.9367, 0.9369, 0.9364, 0.9354, 0.9340, 0.9317),
        "locality": (1.0, 0.988, 0.967, 0.949, 0.927, 0.907),
    },
}


def data_set_of(name: str) -> str | None:
    """The paper's data set that a file of edits is named after; None: another one."""
    plain = name.lower().replace("-", "").replace("_", "")
    return next((known for known in OUTCOMES if known in plain), None)
