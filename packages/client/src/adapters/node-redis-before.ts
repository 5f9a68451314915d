/** What is done before the client library is loaded: see builtin-modules.ts. */
import { lendRequire } from './builtin-modules.ts'

lendRequire()
