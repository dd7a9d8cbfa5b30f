#!/bin/sh
# slim.sh VENV: removes from an environment what only its makers need: headers, tests, compilers' helpers.
# Left: every module that is imported (deploy/warm.py proves it at the build's end).
set -eu
packages=$1/lib/python3.11/site-packages
rm -rf "$packages/torch/include" "$packages/torch/test" "$packages/torch/bin" "$packages/pyarrow/include" \
    "$packages/pip" "$packages"/pip-*.dist-info "$1"/bin/pip*
rm -f "$packages"/torch/lib/*test*.so "$packages"/torch/lib/*.a
for name in numpy scipy sklearn pandas pyarrow sympy networkx matplotlib tifffile imagecodecs fsspec \
    celery kombu billiard great_expectations gunicorn psutil mpl_toolkits shapely rasterio; do
    [ ! -d "$packages/$name" ] || find "$packages/$name" -type d -name tests -prune -exec rm -rf {} +
done
find "$packages" -name '*.pyx' -delete -o -name '*.pxd' -delete -o -name '*.c' -delete -o -name '*.cpp' -delete
