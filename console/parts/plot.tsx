import { useEffect, useRef } from 'preact/hooks';
import Uplot from 'uplot';

export interface Series {
  label: string;
  /** The name of a colour in the style sheet. */
  colour: string;
  values: (number | null)[];
  dash?: number[];
}

interface PlotProps {
  title: string;
  /** Seconds since 1970. */
  times: number[];
  series: Series[];
  format(value: number): string;
  /** The least that two lines of the grid are apart. */
  least?: number;
}

/** Steps of the grid, in any unit. */
const steps = Array.from({ length: 60 }, (_, i) => ([1, 2, 5][i % 3] as number) * 10 ** (Math.floor(i / 3) - 4));
/** Steps of the grid over time, in seconds. */
const minutes = [1, 2, 5, 10, 15, 30, 60, 120, 240, 360, 720, 1440, 2880].map((n) => n * 60);
const HEIGHT = 150;
const dark = matchMedia('(prefers-color-scheme: dark)');

/** Lines over time, on a canvas; what they end in is said in words beside it. */
export function Plot({ title, times, series, format, least = 0 }: PlotProps) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    let plot: Uplot | undefined;
    const draw = () => {
      plot?.destroy();
      plot = new Uplot(
        optionsOf(element, series, format, least),
        [times, ...series.map(({ values }) => values)],
        element,
      );
    };
    const resized = new ResizeObserver(() => plot?.setSize({ width: element.clientWidth, height: HEIGHT }));
    draw();
    resized.observe(element);
    dark.addEventListener('change', draw);
    return () => {
      resized.disconnect();
      dark.removeEventListener('change', draw);
      plot?.destroy();
    };
  }, [times, series, format, least]);
  return (
    <figure class="plot">
      <figcaption>
        <span class="plot-title">{title}</span>
        {series.map(({ label, colour, values, dash }) => (
          <span key={label} class="key">
            <i style={{ borderTop: `3px ${dash ? 'dotted' : 'solid'} var(${colour})` }} />
            {label} <b>{said(values, format)}</b>
          </span>
        ))}
      </figcaption>
      <div ref={place} class="canvas" aria-hidden="true" />
    </figure>
  );
}

/** The newest value there is. */
function said(values: readonly (number | null)[], format: (value: number) => string): string {
  const value = values.findLast((one) => one !== null);
  return value === undefined || value === null ? '–' : format(value);
}

/** The time of day, and the day at its beginning. */
function timeOf(seconds: number): string {
  const at = new Date(seconds * 1000);
  const clock = at.toTimeString().slice(0, 5);
  return clock === '00:00' ? `${at.getDate()}.${at.getMonth() + 1}.` : clock;
}

function optionsOf(
  element: HTMLElement,
  series: Series[],
  format: (value: number) => string,
  least: number,
): Uplot.Options {
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const axis = {
    stroke: colour('--faint'),
    font: `11px ${style.fontFamily}`,
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
  };
  return {
    width: element.clientWidth,
    height: HEIGHT,
    padding: [8, 20, 0, 0],
    legend: { show: false },
    cursor: { points: { size: 6 }, y: false, drag: { x: false, y: false } },
    scales: { y: { range: (_, __, max) => [0, max > 0 ? max * 1.15 : 1] } },
    axes: [
      // Labels tell minutes apart, and no less.
      { ...axis, size: 26, space: 64, incrs: minutes, values: (_, ticks) => ticks.map(timeOf) },
      {
        ...axis,
        size: 54,
        space: 34,
        incrs: steps.filter((step) => step >= least),
        values: (_, ticks) => ticks.map(format),
      },
    ],
    series: [
      {},
      ...series.map(({ label, colour: name, dash }) => ({
        label,
        stroke: colour(name),
        width: 1.75,
        points: { size: 4, fill: colour(name) },
        ...(dash && { dash }),
      })),
    ],
  };
}
