"""Curvature of a loss: Hessians as linear operators, their extreme eigenpairs, their trace.

Everything here works with products ``H v`` and never forms the matrix unless asked to. Every
estimate comes with its error: residuals beside eigenvalues, a standard error beside a trace.
"""

from ..core.boundary import all_named as _all_named
from ..replay import no_replay as no_replay
from .analysis.alignment import Alignment as Alignment
from .analysis.alignment import Overlap as Overlap
from .analysis.alignment import gradient_alignment as gradient_alignment
from .analysis.alignment import subspace_overlap as subspace_overlap
from .analysis.critical_points import CriticalPoint as CriticalPoint
from .analysis.critical_points import classify_critical_point as classify_critical_point
from .analysis.directions import TrajectoryDirections as TrajectoryDirections
from .analysis.directions import filter_normalized as filter_normalized
from .analysis.directions import trajectory_directions as trajectory_directions
from .analysis.jackknife import Jackknife as Jackknife
from .analysis.jackknife import jackknife as jackknife
from .analysis.landscape import Landscape as Landscape
from .analysis.landscape import landscape as landscape
from .analysis.layer_blocks import LayerBlocks as LayerBlocks
from .analysis.layer_blocks import layer_blocks as layer_blocks
from .analysis.layer_shares import LayerShares as LayerShares
from .analysis.layer_shares import layer_shares as layer_shares
from .analysis.quadratic import QuadraticModel as QuadraticModel
from .analysis.quadratic import QuadraticSlice as QuadraticSlice
from .analysis.quadratic import quadratic_model as quadratic_model
from .analysis.regions import ConvexityCheck as ConvexityCheck
from .analysis.regions import LipschitzBound as LipschitzBound
from .analysis.regions import is_convex_on as is_convex_on
from .analysis.regions import lipschitz_of_gradient as lipschitz_of_gradient
from .analysis.search_regions import Ball as Ball
from .analysis.search_regions import Box as Box
from .analysis.sharpness import Sharpness as Sharpness
from .analysis.sharpness import sharpness as sharpness
from .analysis.stability import contraction as contraction
from .analysis.stability import stability_threshold as stability_threshold
from .analysis.step_size import StepSize as StepSize
from .analysis.step_size import step_size as step_size
from .eigenpairs.eigenpairs import top_eigenpairs as top_eigenpairs
from .eigenpairs.pairs import Eigenpairs as Eigenpairs
from .estimates.estimate import Estimate as Estimate
from .operators.blocks import BlockDiagonalOperator as BlockDiagonalOperator
from .operators.ggn.fisher import EmpiricalFisherOperator as EmpiricalFisherOperator
from .operators.ggn.fisher import FisherOperator as FisherOperator
from .operators.ggn.operator import GGNOperator as GGNOperator
from .operators.hessian import HessianOperator as HessianOperator
from .operators.inverse import InverseOperator as InverseOperator
from .operators.inverse import Solution as Solution
from .operators.jacobian import JacobianOperator as JacobianOperator
from .operators.kfac.block import KroneckerBlock as KroneckerBlock
from .operators.kfac.operator import KroneckerFactors as KroneckerFactors
from .operators.sharded import ShardedData as ShardedData
from .reports.comparison import Comparison as Comparison
from .reports.report import Report as Report
from .reports.report import report as report
from .spectra.conditioning import ConditionNumber as ConditionNumber
from .spectra.conditioning import condition_number as condition_number
from .spectra.density import spectral_density as spectral_density
from .spectra.density_result import Atom as Atom
from .spectra.density_result import SpectralDensity as SpectralDensity
from .spectra.effective_rank import effective_rank as effective_rank
from .spectra.inertia import Inertia as Inertia
from .spectra.inertia import inertia as inertia
from .spectra.trace_function import effective_dimension as effective_dimension
from .spectra.trace_function import log_determinant as log_determinant
from .spectra.trace_function import trace_function as trace_function
from .statistics.influence import Influence as Influence
from .statistics.influence import influence as influence
from .statistics.information import ObservedInformation as ObservedInformation
from .statistics.information import observed_information as observed_information
from .statistics.laplace import laplace as laplace
from .statistics.noise_scale import GradientNoiseScale as GradientNoiseScale
from .statistics.noise_scale import gradient_noise_scale as gradient_noise_scale
from .statistics.per_example import per_example_gradients as per_example_gradients
from .statistics.posterior import Laplace as Laplace
from .statistics.posterior import Predictive as Predictive
from .traces.diagonal import Diagonal as Diagonal
from .traces.diagonal import diagonal as diagonal
from .traces.frobenius import frobenius_norm as frobenius_norm
from .traces.layers import LayerTraces as LayerTraces
from .traces.layers import layer_traces as layer_traces
from .traces.trace import trace as trace
from .training.monitor import Monitor as Monitor
from .training.steps import StepExplanation as StepExplanation
from .training.steps import explain_step as explain_step

globals().update(_all_named(globals()))

__all__ = [
    "Alignment",
    "Atom",
    "Ball",
    "BlockDiagonalOperator",
    "Box",
    "Comparison",
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
    "ShardedData",
    "Sharpness",
    "Solution",
    "SpectralDensity",
    "StepExplanation",
    "StepSize",
    "TrajectoryDirections",
    "classify_critical_point",
    "condition_number",
    "contraction",
    "diagonal",
    "effective_dimension",
    "effective_rank",
    "explain_step",
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
