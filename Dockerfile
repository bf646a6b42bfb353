# syntax=docker/dockerfile:1

# The full image has what compiles better-sqlite3 where no prebuilt binary fits.
FROM node:22-bookworm AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci
COPY console ./console
COPY core ./core
COPY emulator ./emulator
COPY functions ./functions
COPY migrations ./migrations
# The stamp says that dist/ is to be taken as it is: the image holds no sources to build it from.
RUN npm run build && echo prebuilt > dist/stamp && npm prune --omit=dev

FROM node:22-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8000 DB_PATH=/data/jobs.db
RUN install --directory --owner=node --group=node --mode=0700 /data
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/migrations ./migrations
COPY --from=build /app/emulator/escapement.mjs /app/emulator/stamp.mjs ./emulator/
COPY --from=build /app/dist ./dist
USER node
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Not by way of npm, which would not pass signals on.
ENTRYPOINT ["node", "emulator/escapement.mjs"]
CMD ["start"]
