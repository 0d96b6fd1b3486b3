# docker build -t tetrajet .
# docker run --rm -v "$PWD:/work" -w /work tetrajet train --data photos --output runs/first
FROM swift:6.2-bookworm AS build
WORKDIR /tetrajet
COPY . .
RUN make install DESTDIR=/installed PREFIX=/usr/local

FROM debian:bookworm-slim
# What the command is linked with, and what it loads where WebP, TIFF, HEIC and AVIF images are read.
RUN apt-get update -qq \
  && apt-get install -y -qq --no-install-recommends libjpeg62-turbo libpng16-16 zlib1g libstdc++6 \
    libwebp7 libtiff6 libheif1 \
  && rm -rf /var/lib/apt/lists/*
COPY --from=build /installed/usr/local /usr/local
ENTRYPOINT ["tetrajet"]
