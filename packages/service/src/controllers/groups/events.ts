/** Which events users see for what a controller has done. The words are in model/events. */
import { randomBytes } from 'node:crypto'
