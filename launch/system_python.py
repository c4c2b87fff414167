"""Shared by the scripts that draw: another python3 may stand in front of the system's, which has Debian's packages."""
import os
import sys

sys.dont_write_bytecode = True


def start_again(missing):
    """Runs this script under the system's Python, once; ends with one line if the module is missing there too."""
    script, system = os.path.abspath(sys.argv[0]), "/usr/bin/python3"
    elsewhere = os.path.exists(system) and os.path.realpath(sys.executable) != os.path.realpath(system)
    if elsewhere and "TERSEGRAD_PLOT_RETRY" not in os.environ:
        os.environ["TERSEGRAD_PLOT_RETRY"] = "1"
        os.execv(system, [system, script] + sys.argv[1:])
    sys.exit(f"{os.path.basename(script)}: no Python module '{missing.name}'; apt install python3-matplotlib python3-h5py")
