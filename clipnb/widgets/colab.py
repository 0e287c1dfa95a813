"""What Colab needs before it draws a figure widget."""

from __future__ import annotations


def enable_widgets_on_colab() -> bool:
    """Lets Colab load widgets that are not its own; True on Colab, elsewhere nothing happens.

    plotly's FigureWidget is such a widget. Asking twice does no harm.
    """
    try:
        from google.colab import output
    except ImportError:
        return False
    output.enable_custom_widget_manager()
    return True
