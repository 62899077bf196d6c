"""What outlives a run: studies, members, trials and evaluations, in one database and its files.

The database holds these tables beside Optuna's; the files of the members lie beside it, or in a
folder that the drivers of a server share. Only the driver of a study writes, in one short
transaction a call. Every problem of the database or of a file is a StorageError, and none destroys
what is there. `store.Store` is where to begin, `tables` says what is kept, and `migrations` bring
storages of earlier releases to this one.
"""

from ensearch.store.latencies import LatencyRecord, Setup
from ensearch.store.lease import Lease
from ensearch.store.records import (
    FOR_GOOD,
    SEARCH,
    MemberRecord,
    StudyRecord,
    StudySummary,
    TrialRecord,
)
from ensearch.store.settlements import LookRecord, SettlementRecord
from ensearch.store.store import DEFAULT_URL, Store, storage_url
from ensearch.store.study_state import (
    AnswerRecord,
    ConclusionRecord,
    ConfirmationRecord,
    GroupSpeedRecord,
    MixingGain,
    SpeedRecord,
)
from ensearch.store.uses_of_test import UseOfTest

__all__ = [
    "DEFAULT_URL",
    "FOR_GOOD",
    "SEARCH",
    "AnswerRecord",
    "ConclusionRecord",
    "ConfirmationRecord",
    "GroupSpeedRecord",
    "LatencyRecord",
    "Lease",
    "LookRecord",
    "MemberRecord",
    "MixingGain",
    "SettlementRecord",
    "Setup",
    "SpeedRecord",
    "Store",
    "StudyRecord",
    "StudySummary",
    "TrialRecord",
    "UseOfTest",
    "storage_url",
]
