#!/usr/bin/env bash
# A sweep's files open, as they are, with h5py, h5dump, pandas and xarray.
set -euo pipefail
writer=$(dirname "${FACTSWEEP:?the factsweep program}")/tests/test_store_mpi
for tool in mpirun h5dump; do
  command -v "$tool" >/dev/null || { echo "needs $tool"; exit 77; }
done
python3 -c 'import h5py, xarray, h5netcdf, pandas' 2>/dev/null || {
  echo "needs a python3 with h5py, xarray, h5netcdf and pandas"
  exit 77
}
[ -x "$writer" ] || { echo "needs $writer: build with BUILD_TESTING=ON"; exit 77; }
if [ "$(id -u)" = 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
FACTSWEEP_STORE_FOLDER=$scratch mpirun --oversubscribe -n 2 "$writer" "[.sample]"

h5dump sweep.h5 >results.txt
h5dump -d /deltas/mixture/final/model.weight sweep.weights.h5 >weights.txt
grep -q 'train point 1' results.txt
grep -q -- '-123.5' weights.txt

python3 - <<'PYTHON'
import h5py
import numpy as np
import xarray

with h5py.File("sweep.weights.h5") as weights:
    group = weights["deltas/mixture"]
    delta = group["final/model.weight"]
    assert delta.shape == (3, 4, 5) and delta.dtype.itemsize in (2, 4), delta.dtype
    flat = delta[list(group["stage"]).index(3)].astype(np.float32).ravel()
    assert flat[7] == 1 and flat[8] == -123.5 and np.isinf(flat[4]) and np.isnan(flat[6])
    bits = np.array([0x3F00 + 131 * 2 + i for i in range(10, 20)], np.uint32)
    assert (flat[10:] == (bits << 16).view(np.float32)).all()

with h5py.File("sweep.h5") as results:
    assert results.attrs["filetype"] == "factsweep results" and results.attrs["layout_version"] == 2
    assert results["labels/base/question"].asstr()[1] == "Qui est \u00e9l"  # cut at a character
    assert results["curves/loss"].dims[1].keys() == ["epoch"]
    assert results["points/reason"].asstr()[1] == "loss is nan \u00e9"

points = xarray.open_dataset("sweep.h5", group="points", engine="h5netcdf")
assert points.sizes == {"point": 3}, points.sizes
assert points["status"].values.tolist() == [2, 3, 2]
assert points["unknown_ratio"].attrs["symbol"] == "r" and points["unknown_ratio"].values[2] == 0.5
assert points["seconds"].dtype == np.float64 and points["seconds"].values[2] == 3.5
table = points.to_dataframe()
assert table["accuracy_test_final"].iloc[2] == 0.02 and len(table) == 3

curves = xarray.open_dataset("sweep.h5", group="curves", engine="h5netcdf")
assert curves["loss"].dims == ("point", "epoch")
assert curves["loss"].sel(point=2, epoch=1).item() == 201.5
assert np.isnan(curves["loss"].sel(point=1)).all()

labels = xarray.open_dataset("sweep.h5", group="labels/base", engine="h5netcdf")
assert labels["category"].dims == ("question",) and labels["p"].dims == ("question", "set")
print(points, curves, labels, sep="\n")
PYTHON
