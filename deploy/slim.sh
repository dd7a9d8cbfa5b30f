#!/bin/sh
# slim.sh VENV: removes from an environment what only its makers need: compiled files that nothing imports,
# headers, tests, compilers' helpers, tables of symbols. deploy/warm.py then imports what is needed, writes its
# compiled files and proves that nothing is missing.
set -eu
packages=$1/lib/python3.11/site-packages
find "$1" -type d -name __pycache__ -prune -exec rm -rf {} +
rm -rf "$packages/torch/include" "$packages/torch/test" "$packages/pyarrow/include" \
    "$packages/pip" "$packages"/pip-*.dist-info "$1"/bin/pip*
find "$packages/torch/bin" -type f ! -name torch_shm_manager -delete 2> /dev/null || true
rm -f "$packages"/torch/lib/*test*.so "$packages"/torch/lib/*.a
# Arrow's network protocol: pandas and the store read Parquet alone.
rm -f "$packages"/pyarrow/libarrow_flight* "$packages"/pyarrow/libarrow_python_flight* "$packages"/pyarrow/_flight*
for name in numpy scipy sklearn pandas pyarrow sympy networkx matplotlib tifffile imagecodecs fsspec \
    celery kombu billiard great_expectations gunicorn psutil mpl_toolkits shapely rasterio; do
    [ ! -d "$packages/$name" ] || find "$packages/$name" -type d -name tests -prune -exec rm -rf {} +
done
find "$packages" -type f \( -name '*.pyx' -o -name '*.pxd' -o -name '*.c' -o -name '*.cpp' -o -name '*.h' \) -delete
# Not the libraries in *.libs, whose load commands were edited after they were linked.
for name in torch/lib pyarrow imagecodecs uvloop rasterio scipy; do
    [ ! -d "$packages/$name" ] || find "$packages/$name" -type f -name '*.so*' -exec strip --strip-unneeded {} +
done
