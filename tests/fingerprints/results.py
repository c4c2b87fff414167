"""What a job said and wrote, as values by name, without what differs between two runs of one program."""
import csv
import json
import re

from job_run import RECORDS

# Keys of summary.json that are measured anew in each run: times, memory of the processes, speed of the link, and the most that was
# under way between ranks at one time.
MEASURED_KEYS = re.compile(r"time_\w+_s|memory_peak\w*_bytes|link_bits_per_s|link_latency_s|exchange_buffer_peak_bytes")
# Series of metrics.csv that are times.
MEASURED_SERIES = re.compile(r"time_s|step_s_total|(compute|compress|exchange|apply)_s(_total)?")
# Times in what a run prints. A column is as wide as they are: of spaces and rules in a row one is left.
MEASURED_TEXT = re.compile(r"\d[\d.e+]* (steps/s|ns|µs|ms|s|min|h|d)\b")
# Lines that judge by them.
MEASURED_LINES = ("Against a dense all-reduce it pays on", "Against a dense all-reduce this run is faster", "The link between rank")
OURS = ("tersegrad:", "launch/local:")


def printed(record, stopped):
    """Standard output, line by line. Once a run was stopped, only that it printed: where that was differs from time to time."""
    lines = record["output"].splitlines()
    if stopped:
        return ["printed"] if lines else []
    if {"train", "compare"} & set(record["command"].split()):
        lines = [re.sub(r"([ ─])+", r"\1", re.sub(MEASURED_TEXT, "TIME", line)) for line in lines
                 if not line.startswith(MEASURED_LINES)]
    return lines


def messages(record, stopped):
    """The lines of ours on standard error; sorted, as ranks may speak in any order."""
    lines = sorted(line for line in record["errors"].splitlines() if line.startswith(OURS))
    return [re.sub(r"\d+", "N", line) for line in lines] if stopped else lines


def summary_values(path):
    return {key: value for key, value in json.loads(path.read_text()).items() if not MEASURED_KEYS.fullmatch(key)}


def series_values(path):
    """{series: its values as they are written}, in the order of the columns."""
    with open(path, newline="") as file:
        rows = list(csv.reader(file))
    names = [name for name in rows[0] if not MEASURED_SERIES.fullmatch(name)] if rows else []
    return {name: [row[rows[0].index(name)] for row in rows[1:]] for name in names}


def json_lines_values(path):
    """The same of metrics.jsonl; a record has only what was measured in its step."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    names = sorted({name for row in rows for name in row if not MEASURED_SERIES.fullmatch(name)})
    return {name: [row.get(name) for row in rows] for name in names}


def values(folder):
    """{(where, name): value} of a job's folder. Where is a command's number or a file; the name a series, a key or a part."""
    found, stopped = {}, False
    for number, record in enumerate(json.loads((folder / RECORDS).read_text()), 1):
        where = f"command {number}"
        stopped = stopped or record["command"].startswith("@stop")
        found[where, "exit status"] = record["status"]
        found[where, "messages"] = messages(record, stopped)
        found[where, "standard output"] = printed(record, stopped)
    files = folder / "files"
    paths = {str(path.relative_to(files)): path for path in sorted(files.rglob("*")) if path.is_file()}
    found["the folder", "files"] = sorted({re.sub(r"(?<=checkpoint-)\d+", "N", name) if stopped else name for name in paths})
    for name, path in paths.items():
        if path.name == "summary.json":
            found.update({(name, key): value for key, value in summary_values(path).items()})
        elif path.name.startswith("metrics.csv"):
            series = series_values(path)
            found.update({(name, series_name): column for series_name, column in series.items()})
            found[name, "order of the series"] = list(series)
        elif path.name.startswith("metrics.jsonl"):
            found.update({(name, series_name): column for series_name, column in json_lines_values(path).items()})
        elif path.suffix == ".csv":
            found[name, "text"] = path.read_text().splitlines()
    return found
