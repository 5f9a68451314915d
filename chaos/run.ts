/**
 * `npm run chaos -- [--minutes N] [--seed S] [--only FAULT,…] [--without FAULT,…]`: lines for people, then one line with a JSON object.
 *
 * It ends with 0 when all was well, 1 when a guarantee was broken, 2 for a wrong command line, 3 when the run itself could not be carried out (one line says
 * why), and 130 when a signal ended it before. Whatever it started is gone by then.
 */
import { fileURLToPath } from 'node:url'
import { measureSlowness } from '../scripts/checks/slowness.ts'

// Before anything is loaded that waits: all deadlines grow with it.
process.env['LARDER_TEST_SLOWNESS'] ??= String(measureSlowness())

const { main } = await import('./command.ts')
// What is still under way, such as a question to a node that is gone, is not waited for.
process.exit(await main(fileURLToPath(import.meta.url), process.argv.slice(2)))
