"""All scenarios, in the order in which they are shown."""

from benchmarks.scenario import Scenario
from benchmarks.scenarios.bulk import BULK
from benchmarks.scenarios.connect import CONNECT
from benchmarks.scenarios.echo import ECHO as ECHO
from benchmarks.scenarios.echo import NEAR, PIPELINE
from benchmarks.scenarios.idle import IDLE
from benchmarks.scenarios.start import IMPORT, START
from benchmarks.scenarios.tasks import TASKS
from benchmarks.scenarios.wakeup import WAKEUP as WAKEUP

SCENARIOS: tuple[Scenario, ...] = (
    ECHO,
    NEAR,
    PIPELINE,
    BULK,
    CONNECT,
    WAKEUP,
    IDLE,
    TASKS,
    IMPORT,
    START,
)
PLOTTED_AS_BARS = (NEAR, PIPELINE, BULK, CONNECT, IDLE, TASKS, IMPORT, START)
