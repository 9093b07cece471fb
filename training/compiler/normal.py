"""The inverse of the normal distribution on doubles: the rational approximations of Cephes, which scipy uses too."""

from collections.abc import Sequence

import numpy as np

from training.compiler.graph import Graph

CENTRE = (
    (
        -59.9633501014107895267,
        98.0010754185999661536,
        -56.6762857469070293439,
        13.9312609387279679503,
        -1.23916583867381258016,
    ),
    (
        1.0,
        1.95448858338141759834,
        4.67627912898881538453,
        86.3602421390890590575,
        -225.462687854119370527,
        200.260212380060660359,
        -82.0372256168333339912,
        15.9056225126211695515,
        -1.18331621121330003142,
    ),
)
NEAR = (
    (
        4.05544892305962419923,
        31.5251094599893866154,
        57.1628192246421288162,
        44.0805073893200834700,
        14.6849561928858024014,
        2.18663306850790267539,
        -0.140256079171354495875,
        -0.0350424626827848203418,
        -8.57456785154685413611e-4,
    ),
    (
        1.0,
        15.7799883256466749731,
        45.3907635128879210584,
        41.3172038254672030440,
        15.0425385692907503408,
        2.50464946208309415979,
        -0.142182922854787788574,
        -0.0380806407691578277194,
        -9.33259480895457427372e-4,
    ),
)
FAR = (
    (
        3.23774891776946035970,
        6.91522889068984211695,
        3.93881025292474443415,
        1.33303460815807542389,
        0.201485389549179081538,
        0.0123716634817820021358,
        3.01581553508235416007e-4,
        2.65806974686737550832e-6,
        6.23974539184983293730e-9,
    ),
    (
        1.0,
        6.02427039364742014255,
        3.67983563856160859403,
        1.37702099489081330271,
        0.216236993594496635890,
        0.0134204006088543189037,
        3.28014464682127739104e-4,
        2.89247864745380683936e-6,
        6.79019408009981274425e-9,
    ),
)
TAIL = 0.13533528323661269189
"""e^-2: nearer to an end the approximations of the tails hold."""


def quantile_of_normal(graph: Graph, share: str, low: float, high: float) -> str:
    """The number below which ``share`` (a tensor between 0 and 1) lies, clipped to ``low`` and ``high``."""
    one, zero = graph.constant(1.0), graph.constant(0.0)
    upper = graph.add("Greater", [share, graph.constant(1.0 - TAIL)])
    y = graph.add("Where", [upper, graph.add("Sub", [one, share]), share])
    centred = graph.add("Sub", [y, graph.constant(0.5)])
    square = graph.add("Mul", [centred, centred])
    ratio = graph.add(
        "Div",
        [graph.add("Mul", [square, _polynomial(graph, CENTRE[0], square)]), _polynomial(graph, CENTRE[1], square)],
    )
    centre = graph.add("Add", [centred, graph.add("Mul", [centred, ratio])])
    centre = graph.add("Mul", [centre, graph.constant(2.50662827463100050242)])  # the square root of 2 pi
    deep = graph.add("Sqrt", [graph.add("Mul", [graph.constant(-2.0), graph.add("Log", [y])])])
    first = graph.add("Sub", [deep, graph.add("Div", [graph.add("Log", [deep]), deep])])
    inverse = graph.add("Div", [one, deep])
    near, far = (_tail(graph, inverse, table) for table in (NEAR, FAR))
    closer = graph.add("Less", [deep, graph.constant(8.0)])
    tail = graph.add("Sub", [first, graph.add("Where", [closer, near, far])])
    tail = graph.add("Where", [upper, tail, graph.add("Neg", [tail])])
    found = graph.add("Where", [graph.add("Greater", [y, graph.constant(TAIL)]), centre, tail])
    bounded = graph.add("Where", [graph.add("LessOrEqual", [found, graph.constant(low)]), graph.constant(low), found])
    bounded = graph.add(
        "Where", [graph.add("GreaterOrEqual", [bounded, graph.constant(high)]), graph.constant(high), bounded]
    )
    bounded = graph.add("Where", [graph.add("LessOrEqual", [share, zero]), graph.constant(low), bounded])
    return graph.add("Where", [graph.add("GreaterOrEqual", [share, one]), graph.constant(high), bounded])


def _tail(graph: Graph, inverse: str, table: tuple[Sequence[float], Sequence[float]]) -> str:
    above, below = (_polynomial(graph, row, inverse) for row in table)
    return graph.add("Div", [graph.add("Mul", [inverse, above]), below])


def _polynomial(graph: Graph, coefficients: Sequence[float], x: str) -> str:
    total = graph.constant(np.float64(coefficients[0]))
    for coefficient in coefficients[1:]:
        total = graph.add("Add", [graph.add("Mul", [total, x]), graph.constant(coefficient)])
    return total
