/** One deployable function, as dist/manifest.json lists it. */
export interface ManifestEntry {
  name: string;
  kind: 'endpoint' | 'tick';
  /** Relative to dist/. */
  file: string;
  method: string;
  path: string;
  summary: string;
  /** For ticks: the default schedule, and the setting that changes it. */
  cron?: string;
  cron_setting?: string;
  access?: string;
}

export interface Manifest {
  version: string;
  functions: ManifestEntry[];
}
