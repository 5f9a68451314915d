import { Logger } from '@valkey/valkey-glide'
import { cacheContract } from '../cache.contract.ts'
import { connectionContract, enginesContract } from '../connection.contract.ts'
import { connectGlide } from './glide.ts'

Logger.init('off')
connectionContract('GLIDE', connectGlide, { tracking: false })
enginesContract('GLIDE', connectGlide)
cacheContract('GLIDE', connectGlide, ['single', 'cluster'])
