"""The paper's propositions as functions, a checker that counts all masks, and Bayes decisions. No Keras."""

from kerasmetricloss.theory.bounds import Bounds as Bounds
from kerasmetricloss.theory.bounds import RiskBounds as RiskBounds
from kerasmetricloss.theory.bounds import dice_jaccard_bounds as dice_jaccard_bounds
from kerasmetricloss.theory.bounds import dice_risk_bounds as dice_risk_bounds
from kerasmetricloss.theory.bounds import hamming_dice_bounds as hamming_dice_bounds
from kerasmetricloss.theory.bounds import hamming_weighted_hamming_bounds as hamming_weighted_hamming_bounds
from kerasmetricloss.theory.bounds import jaccard_risk_bounds as jaccard_risk_bounds
from kerasmetricloss.theory.bounds import tversky_bounds as tversky_bounds
from kerasmetricloss.theory.bounds import tversky_dice_bounds as tversky_dice_bounds
from kerasmetricloss.theory.bounds import tversky_risk_bounds as tversky_risk_bounds
from kerasmetricloss.theory.bounds import weighted_hamming_bounds as weighted_hamming_bounds
from kerasmetricloss.theory.bounds import weighted_hamming_dice_bounds as weighted_hamming_dice_bounds
from kerasmetricloss.theory.bounds import weighted_hamming_tversky_bounds as weighted_hamming_tversky_bounds
from kerasmetricloss.theory.exhaustive import WorstCase as WorstCase
from kerasmetricloss.theory.exhaustive import all_counts as all_counts
from kerasmetricloss.theory.exhaustive import all_mask_pairs as all_mask_pairs
from kerasmetricloss.theory.exhaustive import worst_case as worst_case
from kerasmetricloss.theory.posterior import Decision as Decision
from kerasmetricloss.theory.posterior import best_expected_dice_set as best_expected_dice_set
from kerasmetricloss.theory.posterior import best_ratio_set as best_ratio_set
from kerasmetricloss.theory.posterior import cross_entropy_set as cross_entropy_set
from kerasmetricloss.theory.posterior import expected_dice as expected_dice
from kerasmetricloss.theory.posterior import ratio_of_expectations as ratio_of_expectations
from kerasmetricloss.theory.promises import Promise as Promise
from kerasmetricloss.theory.promises import promise as promise
