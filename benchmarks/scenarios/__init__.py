"""All scenarios, in the order in which they are shown."""

from benchmarks.scenario import Scenario
from benchmarks.scenarios.bulk import BULK
from benchmarks.scenarios.connect import CONNECT
from benchmarks.scenarios.datagrams import DATAGRAMS
from benchmarks.scenarios.echo import ECHO as ECHO
from benchmarks.scenarios.echo import NEAR, PIPELINE
from benchmarks.scenarios.idle import IDLE
from benchmarks.scenarios.lookups import LOOKUPS
from benchmarks.scenarios.redis import PIPELINED as REDIS_PIPELINE
from benchmarks.scenarios.redis import SINGLE as REDIS
from benchmarks.scenarios.sendfile import SENDFILES
from benchmarks.scenarios.start import IMPORT, START
from benchmarks.scenarios.tasks import TASKS
from benchmarks.scenarios.together import TOGETHER
from benchmarks.scenarios.wakeup import WAKEUP as WAKEUP

SCENARIOS: tuple[Scenario, ...] = (
    ECHO,
    NEAR,
    PIPELINE,
    BULK,
    CONNECT,
    WAKEUP,
    REDIS,
    REDIS_PIPELINE,
    SENDFILES,
    DATAGRAMS,
    LOOKUPS,
    IDLE,
    TASKS,
    TOGETHER,
    IMPORT,
    START,
)
PLOTTED_AS_BARS = tuple(scenario for scenario in SCENARIOS if scenario not in (ECHO, WAKEUP))
