#!/usr/bin/env python3
"""What surrounds a start: launchers that MPI does not know, batch systems, limits, no home.

usage: launcher_test.py PROGRAM LAUNCH_LOCAL FAILING_RUN [GROUP[.test]…]
"""
import json
import os
import re
import resource

from jobs import PROGRAM, Case, Job, alone, local, main

SLURM = "SLURM_JOB_ID=7 SLURM_JOBID=7 SLURM_NODELIST=elsewhere SLURM_JOB_NUM_NODES=1"
STEP = f"{SLURM} SLURM_STEP_ID=0 SLURM_STEPID=0 SLURM_NTASKS=3 SLURM_STEP_NUM_TASKS=3"

# (what launches, its variables, parts of the line)
UNKNOWN = (
    ("MPICH", "MPI_LOCALNRANKS=3 MPI_LOCALRANKID=0 PMI_SIZE=3 PMI_RANK=0 PMI_FD=9", ("3 processes", "Hydra", "PMI_SIZE=3", "mpirun of Open MPI")),
    ("Hydra without PMI", "MPI_LOCALNRANKS=2 MPI_LOCALRANKID=0", ("2 processes", "MPI_LOCALNRANKS=2")),
    ("PMI", "PMI_SIZE=4 PMI_RANK=0", ("4 processes", "PMI_SIZE=4")),
    ("PMIx, which tells no number", "PMIX_RANK=1", ("several processes", "PMIX_RANK=1")),
    ("PALS", "PALS_RANKID=0 PALS_NODEID=0 PMI_SIZE=8 PMI_RANK=0", ("8 processes", "PALS", "PMI_SIZE=8")),
    ("MVAPICH", "MV2_COMM_WORLD_SIZE=2 MV2_COMM_WORLD_RANK=0", ("2 processes", "MV2_COMM_WORLD_SIZE=2")),
    ("jsrun", "JSM_NAMESPACE_SIZE=6 JSM_NAMESPACE_RANK=0", ("6 processes", "jsrun")),
    ("torchrun", "TORCHELASTIC_RUN_ID=x WORLD_SIZE=2 RANK=0", ("2 processes", "torchrun", "WORLD_SIZE=2")),
    ("an operator for PyTorch", "MASTER_ADDR=a WORLD_SIZE=5 RANK=0", ("5 processes", "WORLD_SIZE=5")),
    ("srun", f"{STEP} SLURM_PROCID=0", ("3 processes", "srun", "SLURM_STEP_NUM_TASKS=3", "srun --mpi=pmix")),
    ("srun --mpi=pmi2", f"{STEP} SLURM_PROCID=0 PMI_SIZE=3 PMI_RANK=0 PMI_FD=9", ("3 processes", "srun --mpi=pmix")),
)

# One process, whatever the variables of the batch system count.
SINGLE = (
    ("nothing around it", ""),
    ("a batch script", f"{SLURM} SLURM_NTASKS=5 SLURM_PROCID=0 SLURM_LOCALID=0"),
    ("a batch script, the step in words", f"{SLURM} SLURM_NTASKS=5 SLURM_PROCID=0 SLURM_STEP_ID=batch"),
    ("salloc", f"{SLURM} SLURM_NTASKS=3"),
    ("salloc's interactive step", f"{SLURM} SLURM_NTASKS=3 SLURM_PROCID=0 SLURM_STEP_ID=4294967290 SLURM_STEPID=4294967290 SLURM_STEP_NUM_TASKS=1"),
    ("a step of one task", f"{SLURM} SLURM_NTASKS=1 SLURM_PROCID=0 SLURM_STEP_ID=0 SLURM_STEPID=0 SLURM_STEP_NUM_TASKS=1"),
    ("Hydra, one process", "MPI_LOCALNRANKS=1 MPI_LOCALRANKID=0 PMI_SIZE=1 PMI_RANK=0"),
    ("torchrun, one process", "TORCHELASTIC_RUN_ID=x WORLD_SIZE=1 RANK=0"),
    ("variables of other programs", "WORLD_SIZE=4 RANK=many PMI_SIZE=x"),
)


def under(variables, command):
    return ["env", *variables.split(), *command]


class Launchers(Case):
    def test_one_of_several_is_refused(self):
        """A folder that --overwrite would empty stays as it is."""
        (self.folder / "out").mkdir()
        (self.folder / "out" / "run.h5").write_text("a run")
        train = alone("--steps", 2, "--out", self.folder / "out", "--overwrite")
        for what, variables, parts in UNKNOWN:
            with self.subTest(what):
                self.refused(under(variables, train), *parts)

    def test_only_one_of_them_speaks(self):
        for variables in ("PMI_SIZE=3 PMI_RANK=2", f"{STEP} SLURM_PROCID=1"):
            with self.subTest(variables), Job(under(variables, alone("--steps", 2, "--out", self.folder / "out"))) as job:
                self.ended(job, self.at_start)
                self.assertEqual((job.status, job.text(job.errors)), (1, ""))
            self.assertFalse((self.folder / "out").exists())

    def test_other_subcommands_on_ranks(self):
        for command in (["bench", "exchange", "--dim", "1000"], ["reproduce", "fig9", "--out", str(self.folder / "out")], ["compare", "a", "b"], ["nothing"]):
            with self.subTest(command):
                self.refused(under("PMI_SIZE=3 PMI_RANK=0", [PROGRAM, *command]), "3 processes", "PMI_SIZE=3")

    def test_a_single_process_is_not(self):
        for number, (what, variables) in enumerate(SINGLE):
            out = self.folder / f"out-{number}"
            with self.subTest(what), Job(under(variables, alone("--steps", 2, "--out", out))) as job:
                self.ended(job, self.at_start)
                self.assertEqual((job.status, job.text(job.errors)), (0, ""))
                self.assertEqual(json.loads((out / "summary.json").read_text())["processes"], 1)

    def test_mpi_knows_its_own(self):
        """Below Open MPI's mpirun the variables of an outer launcher count for nothing."""
        with Job(under("PMI_SIZE=3 PMI_RANK=0", local("train", "--steps", 2, "--exchange", "allreduce", "--out", self.folder / "out", agents=1))) as job:
            self.ended(job, self.at_start)
            self.assertEqual(job.status, 0, job.text(job.errors))


class Surroundings(Case):
    """A start without what a login gives, or within narrow limits: it works, or is one line."""

    def works(self, command):
        with Job(command) as job:
            self.ended(job, self.at_start)
            self.assertEqual((job.status, job.text(job.errors)), (0, ""))

    def test_little_environment(self):
        train = [PROGRAM, "train", "--exchange", "allreduce", "--steps", "2"]
        self.works(["env", "-i", *train])
        self.works(["env", "-u", "HOME", *train])
        self.works(["env", "HOME=/nowhere", *train])
        if os.geteuid() == 0 and os.stat(PROGRAM).st_mode & 1:
            self.works(["env", "-i", "setpriv", "--reuid", "12345", "--clear-groups", *train])

    def test_few_file_handles(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        train = alone("--steps", 2)
        self.works(["prlimit", f"--nofile=10:{hard}", *train])  # the soft limit is raised
        self.works(["prlimit", "--nofile=40", *train])
        for handles in (9, 20, 32):
            with self.subTest(handles=handles):
                self.refused(["prlimit", f"--nofile={handles}", *train], f"may open {handles} files", "ulimit -n")

    def test_little_address_space(self):
        """The loader says that it cannot map a library; where it can, and no more, OpenBLAS would ask for ever."""
        def one_line(limit, mib):
            with self.subTest(limit=limit, mib=mib), Job(["prlimit", f"--{limit}={mib << 20}", *alone("--steps", 2)]) as job:
                self.ended(job, self.at_start)
                lines = job.text(job.errors).splitlines()
                self.assertEqual(len(lines), 1, lines)
                self.assertIn(job.status, (1, 127))
                return lines[0]

        one_line("data", 50)
        # How much is too little depends on LibTorch: the program says it itself, once the loader lets it.
        needed = []
        for mib in range(200, 2000, 100):
            if needed := re.findall(r"ulimit -v is .* need (\d+) MiB", one_line("as", mib) or ""):
                break
        one_line("as", int(needed[0]) - 1)
        self.works(["prlimit", f"--as={64 << 30}", *alone("--steps", 2)])


if __name__ == "__main__":
    main()
