# Switchhook in an image without a shell: the program, CA certificates, and a folder for SQLite.
#
#   docker build -t switchhook --build-arg SWITCHHOOK_COMMIT="$(git rev-parse --short HEAD)" .
#   docker run -d --restart=always --stop-timeout 20 -p 8080:8080 -v switchhook:/data \
#     -v ./config:/etc/switchhook:ro --env-file .env switchhook
#
# With PostgreSQL instead: compose.yaml.

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
# What `switchhook_build_info` on /metrics names as its commit.
ARG SWITCHHOOK_COMMIT=
RUN cargo build --profile dist --locked --bin switchhook && mkdir /empty

# Holds the CA certificates that calls to Telnyx are checked against, and a user who is not root.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/target/dist/switchhook /usr/local/bin/switchhook
# A new volume takes its owner from here.
COPY --from=build --chown=65532:65532 /empty /data
WORKDIR /data
VOLUME /data
ENV DATABASE_URL=sqlite:///data/switchhook.db
# The routing file, mounted. Settings are variables; where a file of them is mounted too, SWITCHHOOK_CONFIG names it.
ENV SWITCHHOOK_ROUTES__FILE=/etc/switchhook/routes.yaml
# Webhooks.
EXPOSE 8080
# Asks the address that settings and environment name. Who starts the server with --listen gives that to this as well.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["/usr/local/bin/switchhook", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/switchhook"]
CMD ["serve"]
