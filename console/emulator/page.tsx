import { Empty } from '../parts/bits.tsx';

export const EmulatorPage = () => <Empty title="To come." />;
