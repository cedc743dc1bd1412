# Every program is built once; each gets a small image of its own, and all of them share their layers but the last:
# `docker build --target order .`
FROM rust:1.95-slim-bookworm AS build
# librdkafka and the TLS library are C and C++.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates g++ make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# What was compiled stays in caches that are no part of any image. Only one build at a time may write there.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/target,sharing=locked \
    CARGO_TARGET_DIR=/target CARGO_INCREMENTAL=0 cargo build --release --locked \
        -p order -p inventory -p billing -p email -p payment-gateway -p analytics -p storectl \
    && install -D -t /programs /target/release/order /target/release/inventory /target/release/billing \
        /target/release/email /target/release/payment-gateway /target/release/analytics /target/release/storectl

FROM debian:bookworm-slim AS runtime
# The HTTP and SMTP clients do not start without any certificate to believe in.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
# A container is reached from outside of its own loopback. Who publishes the port decides who may come.
ENV HTTP_ADDR=0.0.0.0

# Users of their own, none of them in /etc/passwd: what one may read on a shared volume the others may not.
FROM runtime AS storectl
COPY --from=build /programs/storectl /usr/local/bin/
USER 10100:10100
ENTRYPOINT ["storectl"]

# Health is `/readyz`. It takes two minutes to be given up, longer than a part takes to be started again: `docker compose up --wait` ends at
# once where a container is unhealthy, even if what it lacks is just being started.
FROM runtime AS order
COPY --from=build /programs/order /usr/local/bin/
USER 10101:10101
EXPOSE 8101
HEALTHCHECK --interval=5s --timeout=4s --start-period=30s --retries=24 CMD ["order", "healthcheck"]
ENTRYPOINT ["order"]

FROM runtime AS inventory
COPY --from=build /programs/inventory /usr/local/bin/
USER 10102:10102
EXPOSE 8102
HEALTHCHECK --interval=5s --timeout=4s --start-period=30s --retries=24 CMD ["inventory", "healthcheck"]
ENTRYPOINT ["inventory"]

FROM runtime AS billing
COPY --from=build /programs/billing /usr/local/bin/
USER 10103:10103
EXPOSE 8103
HEALTHCHECK --interval=5s --timeout=4s --start-period=30s --retries=24 CMD ["billing", "healthcheck"]
ENTRYPOINT ["billing"]

FROM runtime AS email
COPY --from=build /programs/email /usr/local/bin/
USER 10104:10104
EXPOSE 8104
HEALTHCHECK --interval=5s --timeout=4s --start-period=30s --retries=24 CMD ["email", "healthcheck"]
ENTRYPOINT ["email"]

FROM runtime AS payment-gateway
COPY --from=build /programs/payment-gateway /usr/local/bin/
# A named volume mounted there takes over who owns the folder.
RUN install -d -o 10105 -g 10105 /var/lib/payment-gateway
USER 10105:10105
WORKDIR /var/lib/payment-gateway
EXPOSE 8105
HEALTHCHECK --interval=5s --timeout=4s --start-period=30s --retries=24 CMD ["payment-gateway", "healthcheck"]
ENTRYPOINT ["payment-gateway"]

FROM runtime AS analytics
COPY --from=build /programs/analytics /usr/local/bin/
USER 10107:10107
EXPOSE 8106
HEALTHCHECK --interval=5s --timeout=4s --start-period=30s --retries=24 CMD ["analytics", "healthcheck"]
ENTRYPOINT ["analytics"]
