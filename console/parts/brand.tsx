// The escape wheel of a clock: fifteen raked teeth.
const teeth = Array.from({ length: 15 }, (_, i) => {
  const at = (turn: number, radius: number) => {
    const angle = ((i + turn) / 15) * 2 * Math.PI;
    return `${(16 + radius * Math.sin(angle)).toFixed(2)} ${(16 - radius * Math.cos(angle)).toFixed(2)}`;
  };
  return `${i === 0 ? 'M' : 'L'}${at(0, 10.5)}L${at(0.35, 15.5)}L${at(0.55, 10.5)}`;
}).join('');

export const Brand = () => (
  <span class="brand">
    <svg viewBox="0 0 32 32" aria-hidden="true">
      <path
        fill-rule="evenodd"
        d={`${teeth}ZM16 8.500a7.500 7.500 0 1 0 0 15 7.500 7.500 0 0 0 0-15ZM16 14a2 2 0 1 1 0 4 2 2 0 0 1 0-4Z`}
      />
      <path d="M15.300 9h1.400v14h-1.400zM9 15.300h14v1.400H9z" />
    </svg>
    Escapement
  </span>
);
