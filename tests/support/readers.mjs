// Reads a database so that a read is always under way: each begins before the one before it ends. Says when it reads.
import Sqlite from 'better-sqlite3';

const [path] = process.argv.slice(2);
const one = new Sqlite(path);
const other = new Sqlite(path);
const begin = (db) => {
  db.exec('BEGIN');
  db.prepare('SELECT count(*) FROM sqlite_master').get();
};
begin(one);
process.stdout.write('reading\n');
for (let [old, next] = [one, other]; ; [old, next] = [next, old]) {
  await new Promise((resolve) => setTimeout(resolve, 100));
  begin(next);
  old.exec('COMMIT');
}
