# Switchhook in an image without a shell: the program, CA certificates, and a folder for SQLite.
#
#   docker build -t switchhook .
#   docker run -p 8080:8080 -v switchhook:/data -v ./config:/data/config:ro --env-file secrets.env switchhook

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --profile dist --locked --bin switchhook && mkdir /empty

# Holds the CA certificates that calls to Telnyx are checked against, and a user who is not root.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/target/dist/switchhook /usr/local/bin/switchhook
# A new volume takes its owner from here.
COPY --from=build --chown=65532:65532 /empty /data
# Paths are taken from here: config/routes.yaml is /data/config/routes.yaml.
WORKDIR /data
VOLUME /data
ENV DATABASE_URL=sqlite:///data/switchhook.db
# Webhooks.
EXPOSE 8080
# Asks the address that settings and environment name. Who starts the server with --listen gives that to this as well.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["/usr/local/bin/switchhook", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/switchhook"]
CMD ["serve"]
