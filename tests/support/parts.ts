/** What a copy of the project needs to be built and started, beside its packages. */
export const parts = [
  'console',
  'core',
  'emulator',
  'functions',
  'migrations',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
];
