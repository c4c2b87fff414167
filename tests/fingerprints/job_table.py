"""The jobs whose results must not change, a line each.

A command begins with launch/local's options (-n, --ranks), or with a subcommand that runs without a launcher. In front of it may stand
@base (the base's programs run it on both sides), @stop (it gets SIGTERM at its first step) or a test program's name
(@faulty_exchange, with launch/local's options behind it). @damage FILE flips a bit of a file; @unfinish OUT STEP takes a finished run
back to what one leaves that died after the checkpoint of that step.
"""
from job_run import JobSpec

NETWORK = "train --steps 14 --batch 8 --seed 3 --eval-every 6 --out out"
ALONE = f"{NETWORK} --agents 3"
LANDSCAPE = "train --steps 40 --seed 3 --out out"
SAVED = "train --steps 24 --checkpoint-every 8 --keep 9 --batch 8 --seed 3 --out out"
TOKENS = "--model gpt2:layers=1,width=16,heads=2,context=16,vocab=256 --dataset tokens:context=16,vocab=256 --data data/tokens"
IMAGES = "--dataset idx:4 --data data/idx"


def network(name, options, agents=2, **how):
    """A small network on the built-in data set."""
    return JobSpec(name, f"-n {agents} {NETWORK} {options}", **how)


def alone(name, options, **how):
    """The same with three agents on one rank, without a launcher: a third of the time, where the ranks are not the point."""
    exchange = "" if "--exchange" in options else "--exchange allgather"
    return JobSpec(name, f"{ALONE} {exchange} {options}", **how)


def landscape(name, options, ranks=2, **how):
    return JobSpec(name, f"--ranks {ranks} {LANDSCAPE} {options}", **how)


def saved(name, options, resume, **how):
    """A run that the base's programs end, and that goes on with each side's."""
    return JobSpec(name, f"@base -n 2 {SAVED} {options}", resume, **how)


def refused(name, command, status=1, **how):
    return JobSpec(name, command, status=status, **how)


def told(name, command):
    """A subcommand whose standard output is its result."""
    return JobSpec(name, command)


COMPRESSORS = [
    network("none", "--compressor none --lr 0.1"),
    network("none-fp16", "--compressor none:fp16 --lr 0.1 --exchange allgather"),
    alone("none-bf16", "--compressor none:bf16 --lr 0.1 --exchange sharded"),
    network("sign-exact", "--compressor sign --lr 0.01 --sign-zero exact"),
    alone("sign-random", "--compressor sign --lr 0.01 --sign-zero random --exchange allgather"),
    alone("sign-plus", "--compressor sign --lr 0.01 --sign-zero plus --exchange sharded"),
    network("majority", "--compressor majority --lr 0.01"),
    network("majority-ties", "--compressor majority:tie=zero,zero=plus --lr 0.01 --exchange sharded"),
    alone("majority-minus", "--compressor majority:tie=minus --lr 0.01 --agents 4"),
    network("scaled-sign", "--compressor scaled-sign --lr 0.1 --exchange sharded"),
    network("signum", "--compressor signum:0.8 --lr 0.01"),
    alone("signum-majority", "--compressor signum:0.8,majority --lr 0.01 --exchange sharded"),
    network("randk", "--compressor randk:0.1 --lr 0.05 --exchange allgather"),
    alone("randk-count-bf16", "--compressor randk:100:bf16 --lr 0.05"),
    network("topk", "--compressor topk:0.05 --lr 0.1"),
    alone("topk-fp16", "--compressor topk:0.3,fp16 --lr 0.1 --exchange sharded"),
    network("ntopk", "--compressor ntopk:0.1 --noise student:3:0.01 --lr 0.1"),
    network("bernoulli", "--compressor bernoulli:0.2 --lr 0.05 --exchange allgather"),
    network("qsgd", "--compressor qsgd:7 --noise gaussian:0.1 --lr 0.05"),
    alone("qsgd-whole", "--compressor qsgd:1,block=0 --lr 0.01 --exchange sharded"),
    network("terngrad", "--compressor terngrad --momentum 0.9 --lr 0.05"),
    network("natural", "--compressor natural --clip-norm 0.5 --lr 0.1"),
    network("ef-topk", "--compressor ef:topk:0.05 --agents 4 --lr 0.1"),
    alone("ef-scaled-sign", "--compressor ef:scaled-sign --lr 0.1 --exchange sharded"),
    alone("ef-randk", "--compressor ef:randk:0.2 --lr 0.05 --exchange allgather"),
    network("ef21-topk", "--compressor ef21:topk:0.05 --lr 0.1"),
    alone("ef21-natural", "--compressor ef21:natural --lr 0.1 --exchange allgather"),
]

STEP = [
    network("allreduce", "--compressor none --exchange allreduce --bucket 400 --lr 0.1", agents=3),
    network("mpi-allreduce", "--compressor none --exchange mpi-allreduce --lr 0.1"),
    network("two-levels-sign", "--compressor sign --exchange local --agents 4 --lr 0.01"),
    network("two-levels-of-one", "--compressor majority --exchange local:1 --lr 0.01"),
    network("three-agents-four-ranks", "--compressor sign --exchange server --bucket 500 --lr 0.01", agents=3),
    network("agents-share-ranks", "--compressor topk:0.1 --agents 7 --lr 0.1"),
    network("verify-off", "--compressor sign --verify off --lr 0.01"),
    network("overlap", "--compressor none --overlap --bucket 300 --lr 0.1"),
    network("overlap-signum", "--compressor signum:0.9 --overlap --bucket 300 --lr 0.01 --exchange sharded"),
    network("overlap-qsgd", "--compressor qsgd:3 --overlap --bucket 256 --lr 0.1 --exchange allgather"),
    network("schedule", "--lr 0.2 --schedule cosine:0.1 --warmup 4 --momentum 0.5 --weight-decay 0.01"),
    alone("schedule-steps", "--lr 0.2 --schedule step:5:0.5 --compressor sign --lr 0.01 --weight-decay 0.1"),
    alone("sampling", "--sampling iid --skew 0.5 --samples 200 --eval-samples 50 --init-seed 7 --lr 0.1"),
    alone("noise-report", "--noise-report 7 --lr 0.1"),
    alone("every-log", "--log console,csv,hdf5,jsonl,minutes,summary --log-every 3 --lr 0.1"),
    alone("noise-scales", "--noise gaussian:0.01,scales=scales.txt --noise-batch 4 --lr 0.1", data=["scales"]),
    alone("noise-joint", "--noise joint-student:2:0.01 --clip-norm 1 --lr 0.1"),
    network("noise-growth", "--noise student:1.5:0.001,growth=0.01 --compressor sign --lr 0.01"),
    JobSpec("full-gradient", f"-n 2 {NETWORK} --batch full --agents 3 --noise gaussian:0.1 --compressor sign --lr 0.01"),
    network("match", "--match method=dsgd,lr=0.1,batch=64,agents=4 --agents 2 --compressor none"),
    alone("momentum", "--exchange allreduce --momentum 0.9"),
    alone("logreg", "--model logreg --compressor qsgd:3 --lr 0.1"),
    alone("mlp-tanh", "--model mlp:depth=1,width=8,activation=tanh --compressor topk:5 --lr 0.1"),
    JobSpec("gpt2", f"-n 2 {NETWORK} {TOKENS} --compressor ef:topk:0.02 --exchange sharded --lr 0.01", data=["tokens"]),
    JobSpec("gpt2-overlap", f"-n 2 {NETWORK} {TOKENS} --compressor sign --overlap --bucket 1000 --lr 0.001", data=["tokens"]),
    JobSpec("vit", f"-n 2 {NETWORK} {IMAGES} --model vit:patch=8,width=12,depth=1,heads=2,ffn=16,head=0 --compressor sign --lr 0.003",
            data=["images"]),
    JobSpec("resnet", f"-n 2 {NETWORK} {IMAGES} --model resnet:channels=4,hidden=8 --compressor ef:topk:0.1 --lr 0.05",
            data=["images"]),
]

LANDSCAPES = [
    landscape("quadratic-replicas", "--model quadratic:2,1x9 --replicas 50 --agents 3 --noise gaussian:0.5 --compressor randk:3 --lr 0.05",
              ranks=3),
    landscape("saddle-replicas", "--model saddle --replicas 40 --agents 2 --noise student:3:0.2 --compressor sign --lr 0.01 "
              "--exchange sharded"),
    landscape("rosenbrock", "--model rosenbrock --replicas 30 --agents 3 --noise gaussian:0.1 --lr 1e-4 --compressor topk:1 "
              "--start 1.5,0.5"),
    landscape("quadratic-qsgd", "--model quadratic:condition=100,dim=130 --replicas 5 --agents 2 --compressor qsgd:3 --lr 0.01 "
              "--exchange allgather"),
    landscape("sde-sign", "--model quadratic:2,1x3 --replicas 40 --noise gaussian:1 --compressor sign --lr 0.05 --sde"),
    landscape("sde-randk", "--model saddle --replicas 40 --noise gaussian:0.3 --compressor randk:1 --lr 0.02 --sde=4"),
    alone("sde-network", "--sde --batch full --noise gaussian:0.01 --compressor sign --lr 0.01 --eval-every 0"),
]

FAULTS = [
    network("nonfinite-skip", "--compressor signum:0.9 --noise student:0.1:1 --nonfinite skip --lr 1e-3"),
    alone("nonfinite-keep", "--compressor none --noise student:0.1:1 --nonfinite keep --lr 1e-3"),
    alone("nonfinite-keep-topk", "--compressor topk:0.1 --noise student:0.1:1 --nonfinite keep --lr 1e-3"),
    network("nonfinite-stop", "--compressor none --noise student:0.05:1e9 --lr 1e-3"),
    landscape("diverges", "--model rosenbrock --agents 2 --lr 1"),
    JobSpec("damaged-payload", "@faulty_exchange --ranks 4 server none flip:1:0 3", status=70),
    JobSpec("truncated-payload", "@faulty_exchange --ranks 4 server none truncated 3", status=70),
    JobSpec("wrong-dimension", "@faulty_exchange --ranks 4 server sign dimension 3", status=70),
    refused("unknown-option", "-n 2 train --bogus 3"),
    refused("unknown-compressor", "train --exchange allreduce --compressor sgn"),
    refused("impossible-value", "train --exchange allreduce --lr -1"),
    refused("impossible-argument", "train --exchange allreduce --compressor randk:0"),
    refused("option-without-use", "train --model rosenbrock --batch 3 --exchange allreduce"),
    refused("too-many-ranks", "--ranks 4 train --agents 2 --steps 3"),
    refused("too-many-agents", "train --exchange allreduce --agents 5000 --steps 3"),
    refused("no-data", "train --exchange allreduce --dataset mnist --data nowhere --steps 3"),
    refused("unknown-subcommand", "trian"),
    refused("unknown-launcher-option", "-n 2 --bogus 3 train", status=2),
    refused("unknown-figure", "reproduce fig99"),
    refused("unknown-bench", "bench nonsense"),
    JobSpec("folder-in-use", "train --exchange allreduce --steps 3 --out out", "train --exchange allreduce --steps 3 --out out",
            "train --exchange allreduce --steps 4 --out out --overwrite", status=(0, 1, 0)),
]

RESUMED = [
    saved("resumed-on-fewer-ranks", "--compressor ef:topk:0.05 --lr 0.05 --momentum 0.9", "-n 1 train --resume out --steps 36"),
    saved("resumed-on-other-exchange", "--compressor ef21:topk:0.05 --lr 0.05",
          "--ranks 2 train --resume out --steps 36 --exchange sharded"),
    saved("resumed-on-more-ranks", "--compressor signum:0.9 --lr 0.01 --agents 3 --schedule step:10:0.5",
          "-n 3 train --resume out --steps 36"),
    JobSpec("resumed-unfinished", f"@base -n 2 {SAVED} --compressor randk:0.1 --noise student:3:0.01 --lr 0.01 --schedule cosine",
            "@unfinish out 8", "-n 1 train --resume out"),
    JobSpec("resumed-landscape", "@base --ranks 3 train --steps 40 --checkpoint-every 20 --model quadratic:1x6 --replicas 20 --agents 3 "
            "--noise gaussian:0.1 --lr 0.01 --compressor randk:2 --out out", "--ranks 2 train --resume out --steps 60"),
    JobSpec("resumed-from-damage", f"@base -n 2 {SAVED} --compressor sign --lr 0.01", "@unfinish out 16",
            "@damage out/checkpoints/checkpoint-16", "-n 2 train --resume out"),
    JobSpec("resumed-auto", f"@base -n 2 {SAVED} --compressor sign --lr 0.01", "@unfinish out 16",
            f"-n 2 {SAVED} --compressor sign --lr 0.01 --resume auto"),
    JobSpec("stopped", "@stop -n 2 train --steps 2500 --log-every 500 --batch 8 --compressor signum:0.9 --lr 1e-3 "
            "--checkpoint-every 1000000 --out out", "-n 1 train --resume out", status=(75, 0)),
    saved("resume-refused", "--compressor sign --lr 0.01", "-n 2 train --resume out --lr 0.02 --steps 36", status=1),
    saved("resume-of-finished", "--compressor sign --lr 0.01", "-n 2 train --resume out", status=1),
]

SUBCOMMANDS = [
    told("help", "--help"),
    told("help-train", "train --help"),
    told("help-theory", "theory --help"),
    told("help-bench", "bench --help"),
    told("help-reproduce", "reproduce --help"),
    told("help-compare", "compare --help"),
    told("list", "list"),
    told("data", "data breast-cancer --agents 3 --skew 0.5"),
    told("scale", "scale --method dsgd --lr 0.1 --batch 64 --agents 4 --new-agents 16 --json"),
    told("scale-exact", "scale --method dsignsgd --lr 0.001 --batch 64 --agents 4 --new-agents 16 --exact --nu 3 --sigma 1 --mu 0.1"),
    told("theory-constants", "theory constants --nu 2.5"),
    told("theory-bound", "theory bound --method dsignsgd --objective quadratic:2,1x9 --agents 4 --noise student:3:0.5 --json"),
    told("theory-stationary", "theory stationary --method dcsgd --objective quadratic:2,1x3 --compressor randk:2 --agents 2 --steps 50"),
    told("theory-sde", "theory sde --method dsignsgd --objective saddle --steps 50 --replicas 30 --records 10 --paths 2 --out sde.csv"),
    JobSpec("compare", "@base train --exchange allreduce --steps 5 --seed 4 --out a",
            "@base train --exchange allreduce --steps 6 --compressor none --lr 0.05 --seed 5 --out b", "compare a b",
            "compare a nowhere", status=1),
]

JOBS = COMPRESSORS + STEP + LANDSCAPES + FAULTS + RESUMED + SUBCOMMANDS
