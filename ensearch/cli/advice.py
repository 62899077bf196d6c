"""What to type: the advice that the command line adds to the facts of an error."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ensearch import units
from ensearch.errors import EnsearchError

if TYPE_CHECKING:  # imports numpy
    from ensearch.api.progress import Remedy

# By `problem` of an error. Fields in braces are facts of the error; {storage} is what names the
# storage behind a command, such as " --storage studies/other.db", and empty for the usual one.
ADVICE: dict[str, str] = {
    "nothing_fits": "Raise the budget, or search smaller networks with --space FILE.toml.",
    "nothing_fits_but_fewer_pixels": (
        "Raise --budget; or take fewer pixels, with `resolution = [{pixels}]` in a copy of the "
        "search space by --space FILE.toml, or of pictures with folder:PATH@{pixels}; or search "
        "smaller networks."
    ),
    "budget_below_compared": (
        "Name at least {least}, or search smaller networks in a study of their own: "
        "ensearch run --budget {asked} --dataset {dataset}{storage}"
    ),
    # datasets
    "no_room_for_images": "Or name a folder on another disk with --data-dir.",
    "not_downloaded": "If another folder has it, name that with --data-dir.",
    "single_held_out_image": (
        "For models that were trained without the val of studies, add --choose-on study."
    ),
    # pool
    "class_order": (
        "Add --class-order {order}, or --class-order dataset to take the columns as they are."
    ),
    "class_order_unknown": "Add --class-order dataset to take the columns as they are.",
    "predictions_changed": "To name the files: ensearch pool verify{storage}",
    # families
    "no_published_statistics": "Add --normalise dataset.",
    "no_published_weights": "Or give a file of weights by --checkpoint.",
    "weights_of_other_classes": (
        "Train the model on the classes of the dataset and give its weights by --checkpoint."
    ),
    "weights_not_downloaded": "Without one, give a --checkpoint file.",
    # latency
    "not_timed": (
        "To measure it: ensearch latency {study} --batch {batch} --runtime {runtime}{storage}"
    ),
    "pool_not_timed": (
        "To measure it: ensearch latency --pool QUERY --batch {batch} --runtime {runtime}{storage}"
    ),
    "no_onnx": 'Install them by `pip install "{package}"`.',
    # launch
    "no_worker": "To train in this process instead, add --launcher inline.",
    "no_ray": 'Install it there by `pip install "{package}"`.',
    "no_ray_cluster": (
        "Start one with `ray start --head`, name its address by --ray-address, or leave both "
        "--ray-address and RAY_ADDRESS away."
    ),
    "no_ray_room": "Or choose another --device.",
    "ray_client": (
        "There --ray-address auto uses it, for instance by `ray job submit -- ensearch run ...`."
    ),
    "weights_not_shared": (
        "Share that folder, or go on with --launcher processes: it predicts in seconds, and "
        "trains what learns from an ensemble."
    ),
    # training
    "no_cuda": "To train on the CPU, add --device cpu.",
    # study, confirmation, report
    "option_missing": "Example: ensearch run --budget 5e9 --dataset cifar10",
    "files_missing": "To train them again: ensearch resume {study} --retrain-missing{storage}",
    "images_differ": "To begin a new study, add --study NAME.",
    "study_differs": "Go on with it by `ensearch resume {study}{storage}`, or give the new study a "
    "name of its own with --study NAME.",
    "foreign_optuna_study": "Choose another name with --study, or another --storage.",
    "search_under_way": "Go on with it by `ensearch resume {study}{storage}`.",
    "error_spent": "A study of its own, with another --seed, has an error of its own.",
    "nothing_evaluated": "Go on with `ensearch resume {study}{storage}`.",
    "members_without_weights": "Leave out --no-retrain: ensearch confirm {study}{storage}",
    "confirmed_files_missing": "To train them again: "
    "ensearch confirm {study} --retrain-missing{storage}",
    "members_failed": "Their messages: ensearch status {study}{storage}",
    "nothing_distilled": "To do so: ensearch confirm {study} --distil{storage}",
    "distilling_without_weights": "Leave out --no-weights or --distil.",
    "teachers_without_weights": "Take another number of --epochs.",
    "no_retraining": "Leave out one of the two: this option or --no-retrain.",
    "no_confirmation": "Make one: ensearch confirm {study}{storage}",
    "confirmation_unfinished": "Go on with: ensearch confirm {study}{storage}",
    # exports
    "weights_not_kept": (
        "`ensearch confirm {study}{storage}` trains its best anew and keeps theirs: then "
        "`ensearch export {study} --confirmed{storage}`."
    ),
    "weights_of_models": "Leave them out of the query: --pool 'study:NAME'.",
    "sample_unusable": "`ensearch resume STUDY{storage}` writes it again.",
    "images_not_kept": (
        "With the images at hand, `ensearch resume {study}{storage}` keeps them; --data-dir says "
        "where they are."
    ),
    "export_differs": "`ensearch pool verify{storage}` checks the files of all members.",
    "study_or_pool": "For example: ensearch export STUDY, or ensearch export --pool QUERY{storage}",
    "port_taken": "For example: ensearch dashboard --port 0{storage}",
    # store
    "earlier_driver_runs": "`ensearch status{storage}` shows the studies once it is over.",
    "folder_of_files": (
        "To make them: `mkdir -p {folder} && echo {mark} > {file}`. To train members again: "
        "`ensearch resume STUDY --retrain-missing{storage}`."
    ),
    "labels_file_unusable": "`ensearch pool verify{storage}` says what else writes it again.",
    "member_file_unusable": (
        "To train its member again: `ensearch resume STUDY --retrain-missing{storage}`."
    ),
    "model_exists": ("Choose one with --name, or type `ensearch pool remove {name}{storage}`."),
    "storage_emptied": "Or name another storage with --storage.",
    "storage_moved": "Then type the same command again: it goes on.",
    "storage_missing": (
        "Start one with `ensearch run --budget 2e6 --dataset digits{storage}`, or name the right "
        "storage with --storage."
    ),
    "no_psycopg": 'Install it by `pip install "{package}"`.',
    "storage_newer": "Install the version that wrote it, or a newer one.",
    "storage_unnamed": 'For a server, type `pip install "{package}"` first.',
    "storage_unreleased": "Name another storage with --storage.",
    "study_exists": "To go on with it: `ensearch resume {study}{storage}`.",
    "study_runs": "If you know that it is gone, add --take-over.",
    "no_study_but_entries": "To take that: --pool '{name}'.",
    "datasets_differ": "\nOr take the entries of one dataset: --dataset {datasets}.",
    "dataset_unknown": "`ensearch pool list --json{storage}` shows those of its entries.",
    "labels_ambiguous": "Give it by --dataset FINGERPRINT.",
    "labels_not_kept": "`ensearch resume STUDY{storage}` opens it.",
    "labels_of_halves_unusable": (
        "Or let `ensearch pool images --dataset {dataset} --seed {seed} --out NEW.npz{storage}` "
        "write them again."
    ),
    "labels_of_split_unusable": (
        "Or let `ensearch pool images --dataset {dataset} --choose-on study --out "
        "NEW.npz{storage}` write them again, with the --seed of then."
    ),
    "labels_of_study_unusable": "Or let `ensearch resume {study}{storage}` write them again.",
    "labels_unusable": "To remove them, type `ensearch pool remove {names}{storage}`.",
    "member_unusable": (
        "To train it again, delete what is left of the file and type "
        "`ensearch {verb} {study} --retrain-missing{storage}`."
    ),
    "member_used": "To remove it all the same, add --force.",
    "model_unusable": "To remove it, type `ensearch pool remove {name}{storage}`.",
    "not_confirmed": (
        "`ensearch confirm {study}{storage}` trains its best networks anew and scores them on test."
    ),
    "pool_empty": (
        "Train members with `ensearch run --budget 2e6 --dataset digits{storage}`, or import "
        "predictions with `ensearch pool import FILE.npz --name B0 --macs 0.39e9{storage}`."
    ),
    "predictions_do_not_fit": "`ensearch pool verify{storage}` checks all entries.",
}


# By the kind of a remedy that a plan proposes.
REMEDIES: dict[str, str] = {
    "budget": "{flag} {value:.0f}",
    "resolution": "a copy of the search space with `resolution = [{value}]`, by --space FILE.toml",
    "space": "--space {value}",
}


def typed(remedies: Sequence["Remedy"], axis: units.Axis) -> list[str]:
    """Return what to type for the remedies of a plan whose budget is of the axis, as a line."""
    ways, flag = [], "--budget-params" if axis.name == units.PARAMS else "--budget"
    for each in remedies:
        value = float(each.value) * axis.factor if each.kind == "budget" else each.value
        ways.append(REMEDIES[each.kind].format(value=value, flag=flag))
    return [f"type      {'; or '.join(ways)}"] if ways else []


def flag(option: str) -> str:
    """The option as it is typed: --limit-train for limit_train."""
    return f"--{option.replace('_', '-')}"


def explain(error: EnsearchError, storage: str = "") -> str:
    """The message of an error with what to type, in one paragraph."""
    message = str(error)
    if "option" in error.facts:
        option = str(error.facts["option"])
        says = error.facts.get("says", message.removeprefix(option).lstrip())
        message = f"{error.facts.get('argument') or flag(option)} {says}"
    advice = ADVICE.get(error.problem)
    if advice is None:
        return message
    gap = "" if message.endswith("\n") else " "  # a list of differences ends its line
    return f"{message}{gap}{advice.format(**{'storage': storage} | error.facts)}"
