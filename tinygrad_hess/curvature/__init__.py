"""Curvature of a loss: Hessians as linear operators, their extreme eigenpairs, their trace.

Everything here works with products ``H v`` and never forms the matrix unless asked to. Every
estimate comes with its error: residuals beside eigenvalues, a standard error beside a trace.
"""

from .alignment import Alignment as Alignment
from .alignment import Overlap as Overlap
from .alignment import gradient_alignment as gradient_alignment
from .alignment import subspace_overlap as subspace_overlap
from .blocks import BlockDiagonalOperator as BlockDiagonalOperator
from .conditioning import ConditionNumber as ConditionNumber
from .conditioning import condition_number as condition_number
from .critical_points import CriticalPoint as CriticalPoint
from .critical_points import classify_critical_point as classify_critical_point
from .density import spectral_density as spectral_density
from .density_result import Atom as Atom
from .density_result import SpectralDensity as SpectralDensity
from .diagonal import Diagonal as Diagonal
from .diagonal import diagonal as diagonal
from .directions import TrajectoryDirections as TrajectoryDirections
from .directions import filter_normalized as filter_normalized
from .directions import trajectory_directions as trajectory_directions
from .effective_rank import effective_rank as effective_rank
from .eigenpairs import top_eigenpairs as top_eigenpairs
from .estimate import Estimate as Estimate
from .fisher import EmpiricalFisherOperator as EmpiricalFisherOperator
from .fisher import FisherOperator as FisherOperator
from .frobenius import frobenius_norm as frobenius_norm
from .ggn import GGNOperator as GGNOperator
from .hessian import HessianOperator as HessianOperator
from .inertia import Inertia as Inertia
from .inertia import inertia as inertia
from .influence import Influence as Influence
from .influence import influence as influence
from .information import ObservedInformation as ObservedInformation
from .information import observed_information as observed_information
from .inverse import InverseOperator as InverseOperator
from .inverse import Solution as Solution
from .jackknife import Jackknife as Jackknife
from .jackknife import jackknife as jackknife
from .jacobian import JacobianOperator as JacobianOperator
from .kronecker import KroneckerFactors as KroneckerFactors
from .kronecker_block import KroneckerBlock as KroneckerBlock
from .landscape import Landscape as Landscape
from .landscape import landscape as landscape
from .laplace import laplace as laplace
from .layer_blocks import LayerBlocks as LayerBlocks
from .layer_blocks import layer_blocks as layer_blocks
from .layer_shares import LayerShares as LayerShares
from .layer_shares import layer_shares as layer_shares
from .layers import LayerTraces as LayerTraces
from .layers import layer_traces as layer_traces
from .monitor import Monitor as Monitor
from .noise_scale import GradientNoiseScale as GradientNoiseScale
from .noise_scale import gradient_noise_scale as gradient_noise_scale
from .pairs import Eigenpairs as Eigenpairs
from .per_example import per_example_gradients as per_example_gradients
from .posterior import Laplace as Laplace
from .posterior import Predictive as Predictive
from .quadratic import QuadraticModel as QuadraticModel
from .quadratic import QuadraticSlice as QuadraticSlice
from .quadratic import quadratic_model as quadratic_model
from .regions import ConvexityCheck as ConvexityCheck
from .regions import LipschitzBound as LipschitzBound
from .regions import is_convex_on as is_convex_on
from .regions import lipschitz_of_gradient as lipschitz_of_gradient
from .replayed import no_replay as no_replay
from .report import Report as Report
from .report import report as report
from .search_regions import Ball as Ball
from .search_regions import Box as Box
from .sharpness import Sharpness as Sharpness
from .sharpness import sharpness as sharpness
from .stability import contraction as contraction
from .stability import stability_threshold as stability_threshold
from .step_size import StepSize as StepSize
from .step_size import step_size as step_size
from .trace import trace as trace
from .trace_function import effective_dimension as effective_dimension
from .trace_function import log_determinant as log_determinant
from .trace_function import trace_function as trace_function

__all__ = [
    "Alignment",
    "Atom",
    "Ball",
    "BlockDiagonalOperator",
    "Box",
    "ConditionNumber",
    "ConvexityCheck",
    "CriticalPoint",
    "Diagonal",
    "Eigenpairs",
    "EmpiricalFisherOperator",
    "Estimate",
    "FisherOperator",
    "GGNOperator",
    "GradientNoiseScale",
    "HessianOperator",
    "Inertia",
    "Influence",
    "InverseOperator",
    "Jackknife",
    "JacobianOperator",
    "KroneckerBlock",
    "KroneckerFactors",
    "Landscape",
    "Laplace",
    "LayerBlocks",
    "LayerShares",
    "LayerTraces",
    "LipschitzBound",
    "Monitor",
    "ObservedInformation",
    "Overlap",
    "Predictive",
    "QuadraticModel",
    "QuadraticSlice",
    "Report",
    "Sharpness",
    "Solution",
    "SpectralDensity",
    "StepSize",
    "TrajectoryDirections",
    "classify_critical_point",
    "condition_number",
    "contraction",
    "diagonal",
    "effective_dimension",
    "effective_rank",
    "filter_normalized",
    "frobenius_norm",
    "gradient_alignment",
    "gradient_noise_scale",
    "inertia",
    "influence",
    "is_convex_on",
    "jackknife",
    "landscape",
    "laplace",
    "layer_blocks",
    "layer_shares",
    "layer_traces",
    "lipschitz_of_gradient",
    "log_determinant",
    "no_replay",
    "observed_information",
    "per_example_gradients",
    "quadratic_model",
    "report",
    "sharpness",
    "spectral_density",
    "stability_threshold",
    "step_size",
    "subspace_overlap",
    "top_eigenpairs",
    "trace",
    "trace_function",
    "trajectory_directions",
]
