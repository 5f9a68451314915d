/**
 * Which of its files an engine could not load, by its own last words. Pure. A port that is taken, a full disk, too little memory and an option that it does
 * not know are no damage: those files may be whole. Each row is shown by a real engine in damage.test.ts.
 */

/** What stands in the log from the last start on. Everything before it, and whatever comes after a load that went well, is of no interest. */
const sayings = (log: string): string | null => {
  const from = Math.max(log.lastIndexOf('is starting oO0OoO0OoO0Oo'), 0)
  const words = log.slice(from)
  return words.includes('Ready to accept connections') ? null : words
}

const notTheFile = /No space left on device|Cannot allocate memory|Out Of Memory allocating|Too many open files/

const clusterFile = /corrupted cluster config file|Can't open \S*nodes\.conf in order to acquire a lock: Is a directory/

const appendOnlyFile =
  /FATAL AOF MANIFEST FILE ERROR|Unable to obtain the AOF file \S+ length|(?:Bad file format|Unrecoverable error|Unexpected end of file|Unknown command '[^']*') reading the append only file|Can't open or create append-only dir \S+: Not a directory|Fatal error: can't open the append log file \S+ for reading|temporary AOF manifest file \S+ into \S+: Is a directory/

const dump =
  /Short read or OOM loading DB|Wrong RDB checksum expected|Wrong signature trying to load DB from file|Can't handle RDB format version|Internal error in RDB reading|Fatal error loading the DB/

/** The base of an append-only file is a dump: then the one names the other. */
const readsAppendOnlyFile = /Reading RDB (?:base file|preamble)|append only file|appendonly\S*\.base/

/** The files, by their names in the node's folder; null: it ended for another reason, or did not end while it loaded. */
export const damagedFiles = (log: string): readonly string[] | null => {
  const words = sayings(log)
  if (words === null || notTheFile.test(words)) return null
  if (clusterFile.test(words)) return ['nodes.conf']
  if (appendOnlyFile.test(words)) return ['appendonlydir']
  if (!dump.test(words)) return null
  return [readsAppendOnlyFile.test(words) ? 'appendonlydir' : 'dump.rdb']
}

const stamp = /^\d+:[A-Z] \d+ \w+ \d{4} [\d:.]+ [*#.-] /

/** The lines that tell why, without their time: one is enough to know what to do. */
export const damageWords = (log: string): string => {
  const lines = (sayings(log) ?? '').split('\n').map((line) => line.replace(stamp, '').trim())
  const first = lines.find((line) => [clusterFile, appendOnlyFile, dump].some((each) => each.test(line)))
  const from = first === undefined ? -1 : lines.indexOf(first)
  const told = from < 0 ? lines.slice(-2) : lines.slice(from, from + 6)
  return told
    .filter((line) => line !== '')
    .join(' | ')
    .slice(0, 300)
}
